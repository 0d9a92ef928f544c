// A place on a scale, 0 at its low end and 1 at its high one: COLOURS of a palette, LINES of equal value over them, or both.
uniform sampler2D u_values;
uniform sampler2D u_known;
uniform sampler2D u_palette;
uniform float u_opacity;
uniform float u_count;
uniform float u_half;
uniform float u_strength;
uniform vec3 u_low;
uniform vec3 u_high;
uniform vec3 u_edge;
varying vec2 v_place;

void main() {
    vec4 texel = texture2D(u_values, v_place);
#ifdef PACKED
    float place = (texel.r * 65280.0 + texel.a * 255.0) / 65535.0 * 3.0 - 1.0;
#else
    float place = texel.r;
#endif
    vec4 colour = vec4(0.0);
#ifdef COLOURS
    colour = texture2D(u_palette, vec2(place, 0.5)) * u_opacity;
#endif
#ifdef LINES
    // Lines are where level is 1 ... u_count - 1; away is the distance to the nearest one in pixels.
    float level = place * u_count;
    vec2 slope = vec2(dFdx(level), dFdy(level));
    float apart = inversesqrt(max(dot(slope, slope), 1e-12));
    float nearest = clamp(floor(level + 0.5), 1.0, u_count - 1.0);
    float away = abs(level - nearest) * apart;
    float line = clamp(u_half + 0.5 - away, 0.0, 1.0);
    float edge = 0.55 * clamp(2.0 * u_half + 1.0 - away, 0.0, 1.0) * (1.0 - line);
    // Where lines lie closer than they are thick, they are a shade.
    float strength = u_strength * clamp(0.4 * apart, 0.25, 1.0);
    vec3 ink = mix(u_low, u_high, nearest / u_count) * line + u_edge * edge;
    float cover = (line + edge) * strength;
    colour = vec4(ink * strength, cover) + colour * (1.0 - cover);
#endif
#ifdef HOLES
    colour *= clamp(4.0 * texture2D(u_known, v_place).r - 1.5, 0.0, 1.0);
#endif
    gl_FragColor = colour;
}
