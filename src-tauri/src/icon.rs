//! The tray's pictures: a bridge deck, drawn here so that each state has a shape of its own. Light with
//! a dark edge, which reads on any panel; no state is told by colour.

use drawbridge_core::tray::Icon;
use tauri::image::Image;

/// Width and height in pixels.
pub(crate) const SIZE: u32 = 32;
/// The same, where shapes are placed.
const UNIT: f32 = 32.0;
/// How far the dark edge reaches beyond a shape.
const EDGE: f32 = 1.6;
const LIGHT: [f32; 3] = [250.0, 250.0, 250.0];
const DARK: [f32; 3] = [25.0, 27.0, 32.0];

/// A stroke with round ends; a dot when both are the same.
#[derive(Clone, Copy)]
struct Stroke {
    from: (f32, f32),
    to: (f32, f32),
    half: f32,
}

impl Stroke {
    const fn new(from: (f32, f32), to: (f32, f32), half: f32) -> Self {
        Self { from, to, half }
    }

    /// How far a point lies outside; negative inside.
    fn distance(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let (px, py) = (x - self.from.0, y - self.from.1);
        let square = dx * dx + dy * dy;
        let along = if square > 0.0 {
            ((px * dx + py * dy) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (px - along * dx).hypot(py - along * dy) - self.half
    }
}

const LEFT_PIER: Stroke = Stroke::new((4.5, 13.0), (4.5, 27.5), 2.4);
const RIGHT_PIER: Stroke = Stroke::new((27.5, 20.0), (27.5, 27.5), 2.4);
const LOWERED: Stroke = Stroke::new((4.5, 19.0), (27.5, 19.0), 2.2);
const HALF_WAY: Stroke = Stroke::new((4.5, 19.0), (21.5, 7.0), 2.2);
const RAISED: Stroke = Stroke::new((4.5, 19.0), (9.5, 3.0), 2.2);
const DOT: Stroke = Stroke::new((24.5, 7.0), (24.5, 7.0), 5.2);
const BAR: Stroke = Stroke::new((7.0, 28.0), (25.0, 4.0), 2.4);

fn strokes(icon: Icon) -> (Vec<Stroke>, Option<Stroke>) {
    let deck = match icon {
        Icon::Connected | Icon::Waiting | Icon::Problem => LOWERED,
        Icon::Connecting => HALF_WAY,
        Icon::Disconnected => RAISED,
    };
    let over = match icon {
        Icon::Waiting => Some(DOT),
        Icon::Problem => Some(BAR),
        _ => None,
    };
    (vec![LEFT_PIER, RIGHT_PIER, deck], over)
}

/// Four bytes a pixel: red, green, blue, opacity.
pub(crate) fn rgba(icon: Icon) -> Vec<u8> {
    let (strokes, over) = strokes(icon);
    let mut out = Vec::with_capacity((SIZE * SIZE * 4) as usize);
    for row in 0..SIZE {
        for column in 0..SIZE {
            let scale = UNIT / SIZE as f32;
            let (x, y) = ((column as f32 + 0.5) * scale, (row as f32 + 0.5) * scale);
            let mut inside = strokes
                .iter()
                .map(|stroke| stroke.distance(x, y))
                .fold(f32::INFINITY, f32::min);
            if let Some(over) = over {
                let distance = over.distance(x, y);
                // What lies on top is cut out of what lies below, so that both keep their shape.
                inside = inside.max(EDGE - distance).min(distance);
            }
            let light = coverage(inside);
            let all = coverage(inside - EDGE);
            for (light_part, dark_part) in LIGHT.into_iter().zip(DARK) {
                out.push(byte(dark_part + (light_part - dark_part) * light));
            }
            out.push(byte(all * 255.0));
        }
    }
    out
}

/// How much of a pixel is covered whose middle is so far outside.
fn coverage(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

pub(crate) fn image(icon: Icon) -> Image<'static> {
    Image::new_owned(rgba(icon), SIZE, SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Icon; 5] = [
        Icon::Disconnected,
        Icon::Connecting,
        Icon::Connected,
        Icon::Waiting,
        Icon::Problem,
    ];

    /// Which pixels are light at 16 pixels: the shape without any colour.
    fn shape(icon: Icon) -> Vec<bool> {
        let pixels = rgba(icon);
        let light = |x: u32, y: u32| {
            let at = ((y * SIZE + x) * 4) as usize;
            u32::from(pixels[at]) * u32::from(pixels[at + 3]) / 255
        };
        (0..256)
            .map(|cell| {
                let (x, y) = (cell % 16 * 2, cell / 16 * 2);
                let sum = light(x, y) + light(x + 1, y) + light(x, y + 1) + light(x + 1, y + 1);
                sum / 4 > 127
            })
            .collect()
    }

    #[test]
    fn every_state_has_a_shape_of_its_own_at_16_pixels() {
        for (n, one) in ALL.iter().enumerate() {
            for other in &ALL[n + 1..] {
                let (a, b) = (shape(*one), shape(*other));
                let different = a.iter().zip(&b).filter(|(a, b)| a != b).count();
                assert!(
                    different >= 12,
                    "{one:?} and {other:?} differ in {different} of 256"
                );
            }
        }
    }

    #[test]
    fn light_shapes_have_a_dark_edge_and_a_clear_background() {
        for icon in ALL {
            let pixels = rgba(icon);
            let count = |test: fn(&[u8]) -> bool| pixels.chunks(4).filter(|pixel| test(pixel)).count();
            assert!(count(|pixel| pixel[0] > 200 && pixel[3] > 200) > 60, "{icon:?}");
            assert!(count(|pixel| pixel[0] < 60 && pixel[3] > 200) > 40, "{icon:?}");
            assert!(count(|pixel| pixel[3] == 0) > 300, "{icon:?}");
        }
    }
}
