// Signed distance to a rounded rectangle: border inside the edge, fill within, one soft pixel around.
varying vec2 v_offset;
varying vec2 v_half;
varying vec2 v_corner_and_border;
varying vec4 v_fill;
varying vec4 v_stroke;

void main() {
    float radius = v_corner_and_border.x;
    vec2 q = abs(v_offset) - v_half + radius;
    float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
    float inside = clamp(0.5 - d, 0.0, 1.0);
    float within = clamp(0.5 - (d + v_corner_and_border.y), 0.0, 1.0);
    vec4 fill = vec4(v_fill.rgb * v_fill.a, v_fill.a);
    vec4 stroke = vec4(v_stroke.rgb * v_stroke.a, v_stroke.a);
    gl_FragColor = fill * within + stroke * (inside - within);
}
