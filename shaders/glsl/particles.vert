// A particle between two stored frames. In 2-D w is 1 everywhere, so that depth cues vanish.
attribute vec3 a_here;
attribute vec3 a_next;
attribute vec3 a_colour;
attribute vec3 a_colour_next;
uniform mat4 u_world_to_clip;
uniform float u_between;
uniform float u_size;
uniform float u_focus;
uniform float u_light;
uniform float u_largest;
varying vec3 v_colour;
varying float v_strength;

void main() {
    gl_Position = u_world_to_clip * vec4(mix(a_here, a_next, u_between), 1.0);
    float nearness = u_focus / max(gl_Position.w, 1e-6);
    float size = u_size * nearness;
    gl_PointSize = clamp(size, 1.5, u_largest);
    // Smaller than a sprite can be: dimmer instead.
    float cover = min(1.0, size / 1.5);
    v_strength = u_light * cover * cover * clamp(nearness * nearness * nearness, 0.15, 1.2);
    v_colour = mix(a_colour, a_colour_next, u_between);
}
