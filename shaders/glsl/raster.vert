// A rectangle of the world with a texture on it.
attribute vec2 a_corner;
uniform vec4 u_box;
uniform mat4 u_world_to_clip;
varying vec2 v_place;

void main() {
    v_place = a_corner;
    vec2 world = mix(u_box.xz, u_box.yw, a_corner);
    gl_Position = u_world_to_clip * vec4(world, 0.0, 1.0);
}
