// A value from 0 to 1, seen through a palette.
uniform sampler2D u_values;
uniform sampler2D u_palette;
uniform float u_opacity;
varying vec2 v_place;

void main() {
    float value = texture2D(u_values, v_place).r;
    vec4 colour = texture2D(u_palette, vec2((value * 255.0 + 0.5) / 256.0, 0.5));
    float a = colour.a * u_opacity;
    gl_FragColor = vec4(colour.rgb * a, a);
}
