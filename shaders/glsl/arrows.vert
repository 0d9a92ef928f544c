// One quad an arrow, long enough for shaft and head. Everything is in pixels, but the anchor is in the world.
attribute vec2 a_anchor;
attribute vec2 a_direction;
attribute float a_length;
attribute vec2 a_corner;
attribute vec4 a_colour;
uniform mat4 u_world_to_clip;
uniform vec2 u_pixels;
uniform float u_head;
varying vec2 v_place;
varying float v_length;
varying vec4 v_colour;

void main() {
    vec4 clip = u_world_to_clip * vec4(a_anchor, 0.0, 1.0);
    float along = a_corner.x > 0.0 ? 0.5 * a_length + 1.5 : -0.5 * a_length - 1.5;
    float across = a_corner.y * (u_head + 1.5);
    vec2 offset = a_direction * along + vec2(-a_direction.y, a_direction.x) * across;
    gl_Position = vec4(clip.xy + 2.0 * offset / u_pixels, 0.0, 1.0);
    v_place = vec2(along + 0.5 * a_length, across);
    v_length = a_length;
    v_colour = a_colour;
}
