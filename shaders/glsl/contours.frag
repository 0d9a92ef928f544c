// Lines where a place on a scale is k / u_count for k = 1 ... u_count - 1: by the distance in pixels, with a quiet edge around each.
uniform sampler2D u_values;
uniform sampler2D u_known;
uniform sampler2D u_palette;
uniform vec3 u_decode;
uniform vec3 u_edge;
uniform float u_count;
uniform float u_half;
uniform float u_opacity;
varying vec2 v_place;

void main() {
    vec4 texel = texture2D(u_values, v_place);
    float level = (texel.r * u_decode.x + texel.a * u_decode.y + u_decode.z) * u_count;
    float slope = max(length(vec2(dFdx(level), dFdy(level))), 1e-6);
    float nearest = clamp(floor(level + 0.5), 1.0, u_count - 1.0);
    float away = abs(level - nearest) / slope;
    float line = clamp(u_half + 0.5 - away, 0.0, 1.0);
    float edge = 0.55 * clamp(2.0 * u_half + 1.0 - away, 0.0, 1.0);
    // Where lines lie closer than they are thick, they are a shade.
    float apart = clamp(0.4 / slope, 0.25, 1.0);
    float there = clamp(4.0 * texture2D(u_known, v_place).r - 1.5, 0.0, 1.0);
    vec3 colour = texture2D(u_palette, vec2((nearest / u_count * 255.0 + 0.5) / 256.0, 0.5)).rgb;
    float a = line + edge * (1.0 - line);
    gl_FragColor = vec4(colour * line + u_edge * edge * (1.0 - line), a) * (u_opacity * apart * there);
}
