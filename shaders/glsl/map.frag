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

#ifdef PACKED
// Two bytes a texel. A driver may interpolate bytes as bytes, so it is done here.
uniform vec2 u_cells;

float texel(vec2 cell) {
    vec4 bytes = texture2D(u_values, (cell + 0.5) / u_cells);
    return (bytes.r * 65280.0 + bytes.a * 255.0) / 65535.0 * 3.0 - 1.0;
}

float value(vec2 place) {
    vec2 cell = place * u_cells - 0.5;
    vec2 first = floor(cell);
    vec2 share = cell - first;
    float low = mix(texel(first), texel(first + vec2(1.0, 0.0)), share.x);
    float high = mix(texel(first + vec2(0.0, 1.0)), texel(first + vec2(1.0, 1.0)), share.x);
    return mix(low, high, share.y);
}
#else
float value(vec2 place) {
    return texture2D(u_values, place).r;
}
#endif

void main() {
    float place = value(v_place);
    vec4 colour = vec4(0.0);
#ifdef COLOURS
    colour = texture2D(u_palette, vec2(place, 0.5)) * u_opacity;
#endif
#ifdef LINES
    // Lines are where level is 1 ... u_count - 1; away is the distance to the nearest one in pixels.
    float level = place * u_count;
    vec2 slope = vec2(dFdx(level), dFdy(level));
    float steep = dot(slope, slope);
    float apart = inversesqrt(max(steep, 1e-12));
    float nearest = clamp(floor(level + 0.5), 1.0, u_count - 1.0);
    float away = abs(level - nearest) * apart;
    float line = clamp(u_half + 0.5 - away, 0.0, 1.0);
    float edge = 0.55 * clamp(2.0 * u_half + 1.0 - away, 0.0, 1.0) * (1.0 - line);
    // Where lines lie closer than they are thick, they are a shade; a plateau at a level has no line.
    float strength = u_strength * clamp(0.4 * apart, 0.25, 1.0) * step(1e-12, steep);
    vec3 ink = mix(u_low, u_high, nearest / u_count) * line + u_edge * edge;
    float cover = (line + edge) * strength;
    colour = vec4(ink * strength, cover) + colour * (1.0 - cover);
#endif
#ifdef HOLES
    colour *= clamp(4.0 * texture2D(u_known, v_place).r - 1.5, 0.0, 1.0);
#endif
    gl_FragColor = colour;
}
