// Signed distance to a shaft and a triangular head; the edge is one pixel soft.
uniform float u_head;
uniform float u_shaft;
varying vec2 v_place;
varying float v_length;
varying vec4 v_colour;

void main() {
    float head = min(u_head * 1.5, 0.6 * v_length);
    float neck = v_length - head;
    float y = abs(v_place.y);
    float shaft = max(y - u_shaft, max(-v_place.x, v_place.x - neck - 0.5));
    // The two sides of the head run from (neck, 0.55 head) to (length, 0).
    vec2 normal = normalize(vec2(0.55, 1.0));
    float tip = max(dot(vec2(v_place.x - v_length, y), normal), neck - v_place.x);
    float a = v_colour.a * clamp(0.5 - min(shaft, tip), 0.0, 1.0);
    gl_FragColor = vec4(v_colour.rgb * a, a);
}
