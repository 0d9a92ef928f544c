// A line as a strip of quads: each point is pushed to both sides, across the direction that it has on the screen.
attribute vec3 a_position;
attribute vec3 a_tangent;
attribute float a_side;
attribute float a_width;
attribute vec4 a_colour;
uniform mat4 u_world_to_clip;
uniform vec2 u_pixels;
uniform float u_focus;
uniform float u_pixel_ratio;
varying vec4 v_colour;
varying float v_across;
varying float v_half;

void main() {
    vec4 clip = u_world_to_clip * vec4(a_position, 1.0);
    vec4 ahead = u_world_to_clip * vec4(a_position + a_tangent, 1.0);
    vec2 along = (ahead.xy / ahead.w - clip.xy / clip.w) * u_pixels;
    float length_px = length(along);
    along = length_px > 1e-4 ? along / length_px : vec2(0.0);
    float nearness = clamp(u_focus / max(clip.w, 1e-6), 0.3, 3.0);
    v_half = 0.5 * a_width * u_pixel_ratio * nearness;
    // A little more than half a pixel for the soft edge.
    float reach = v_half + 0.6;
    v_across = a_side * reach;
    clip.xy += vec2(-along.y, along.x) * (a_side * reach * 2.0 * clip.w) / u_pixels;
    gl_Position = clip;
    float depth = u_focus / max(clip.w, 1e-6);
    v_colour = vec4(a_colour.rgb, a_colour.a * clamp(depth * depth, 0.2, 1.0));
}
