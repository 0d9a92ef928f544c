// A place on a colour scale, 0 at its low end and 1 at its high one, seen through a palette.
uniform sampler2D u_values;
uniform sampler2D u_known;
uniform sampler2D u_palette;
uniform vec3 u_decode;
uniform float u_opacity;
varying vec2 v_place;

void main() {
    vec4 texel = texture2D(u_values, v_place);
    float value = clamp(texel.r * u_decode.x + texel.a * u_decode.y + u_decode.z, 0.0, 1.0);
    vec4 colour = texture2D(u_palette, vec2((value * 255.0 + 0.5) / 256.0, 0.5));
    float there = clamp(4.0 * texture2D(u_known, v_place).r - 1.5, 0.0, 1.0);
    float a = colour.a * u_opacity * there;
    gl_FragColor = vec4(colour.rgb * a, a);
}
