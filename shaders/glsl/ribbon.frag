// Coverage of a line by distance from its middle; narrower than a pixel is fainter.
varying vec4 v_colour;
varying float v_across;
varying float v_half;

void main() {
    float cover = clamp(v_half + 0.5 - abs(v_across), 0.0, 1.0) * min(1.0, 2.0 * v_half);
    float a = v_colour.a * cover;
    gl_FragColor = vec4(v_colour.rgb * a, a);
}
