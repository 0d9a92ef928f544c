// A part of a map: u_box is the whole of it in the world, a_corner runs from (0, 0) to (1, 1) over it.
attribute vec2 a_corner;
uniform vec4 u_box;
uniform mat4 u_world_to_clip;
varying vec2 v_place;

void main() {
    v_place = a_corner;
    vec2 world = mix(u_box.xz, u_box.yw, a_corner);
    gl_Position = u_world_to_clip * vec4(world, 0.0, 1.0);
}
