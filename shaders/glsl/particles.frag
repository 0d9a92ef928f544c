// A soft core, (1 - r^2)^2. The colour is light to add; as ink, it is what paper loses.
uniform float u_ink;
varying vec3 v_colour;

void main() {
    vec2 c = gl_PointCoord * 2.0 - 1.0;
    float core = max(0.0, 1.0 - dot(c, c));
    vec3 light = v_colour * (core * core);
    gl_FragColor = vec4(u_ink > 0.5 ? 1.0 - light : light, 1.0);
}
