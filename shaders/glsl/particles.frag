// A soft core, (1 - r^2)^2. Blending makes it light or ink.
varying vec3 v_colour;
varying float v_strength;

void main() {
    vec2 c = gl_PointCoord * 2.0 - 1.0;
    float core = max(0.0, 1.0 - dot(c, c));
    float a = v_strength * core * core;
    gl_FragColor = vec4(v_colour * a, a);
}
