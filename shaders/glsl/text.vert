// Words as rectangles cut from an atlas, in pixels of the picture, y down.
attribute vec2 a_pixel;
attribute vec2 a_place;
attribute vec4 a_colour;
uniform vec4 u_pane;
varying vec2 v_place;
varying vec4 v_colour;

void main() {
    vec2 place = (a_pixel - u_pane.xy) / u_pane.zw;
    gl_Position = vec4(2.0 * place.x - 1.0, 1.0 - 2.0 * place.y, 0.0, 1.0);
    v_place = a_place;
    v_colour = a_colour;
}
