// Rounded rectangles in pixels of the picture, y down.
attribute vec2 a_pixel;
attribute vec2 a_center;
attribute vec2 a_half;
attribute vec2 a_corner_and_border;
attribute vec4 a_fill;
attribute vec4 a_stroke;
uniform vec4 u_pane;
varying vec2 v_offset;
varying vec2 v_half;
varying vec2 v_corner_and_border;
varying vec4 v_fill;
varying vec4 v_stroke;

void main() {
    vec2 place = (a_pixel - u_pane.xy) / u_pane.zw;
    gl_Position = vec4(2.0 * place.x - 1.0, 1.0 - 2.0 * place.y, 0.0, 1.0);
    v_offset = a_pixel - a_center;
    v_half = a_half;
    v_corner_and_border = a_corner_and_border;
    v_fill = a_fill;
    v_stroke = a_stroke;
}
