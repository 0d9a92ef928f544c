// Coverage of a line by distance from its middle; narrower than a pixel is fainter. u_mode: 0 light, 1 ink, 2 paint.
uniform float u_mode;
varying vec4 v_colour;
varying float v_across;
varying float v_half;

void main() {
    float cover = clamp(v_half + 0.5 - abs(v_across), 0.0, 1.0) * min(1.0, 2.0 * v_half);
    float a = v_colour.a * cover;
    vec3 light = v_colour.rgb * a;
    gl_FragColor = vec4(u_mode == 1.0 ? 1.0 - light : light, u_mode == 2.0 ? a : 1.0);
}
