//! The task that keeps the picture true: one for the whole program.
//!
//! ```text
//!  status changed --+
//!  time passed    --+--> View, colours, place --same as shown?--> wait
//!                              --new--> draw and show what changed, on a blocking thread --> rest REDRAW_WAIT_MIN
//!  shutdown ----------> "stopped" is drawn last: a still picture must not look alive
//! ```

use std::future::Future;
use std::sync::Arc;

use embedded_graphics::geometry::Size;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::display::ambience::{Ambience, shift};
use crate::display::canvas::Canvas;
use crate::display::panel::Panel;
use crate::display::render;
use crate::display::strings::Language;
use crate::display::theme::Palette;
use crate::display::view::View;
use crate::error::Chain;
use crate::limits::{BURN_IN_STEP, COUNTING_VIEW_AGE_MAX, REDRAW_WAIT_MIN, VIEW_AGE_MAX};
use crate::status::{DisplayState, Status};

/// How a status is shown.
#[derive(Debug)]
pub struct Look {
    /// Language of the words.
    pub language: Language,
    /// Day and night.
    pub ambience: Ambience,
}

/// What is up, or should be.
#[derive(Debug, Clone, PartialEq)]
struct Frame {
    view: View,
    palette: &'static Palette,
    /// Decides the picture's place. Counted in steps, so that a frame is the same for a whole one.
    burn_in_step: i64,
}

impl Frame {
    fn new(view: View, now_unix_ms: i64, ambience: &Ambience) -> Self {
        let palette = ambience.palette(&view, now_unix_ms);
        let step_ms = i64::try_from(BURN_IN_STEP.as_millis()).unwrap_or(i64::MAX);
        Self { view, palette, burn_in_step: now_unix_ms.div_euclid(step_ms) }
    }

    fn draw(&self, size: Size) -> Canvas {
        let step_ms = i64::try_from(BURN_IN_STEP.as_millis()).unwrap_or(i64::MAX);
        let at = shift(self.burn_in_step.saturating_mul(step_ms), size);
        render(&self.view, size, self.palette).shifted(at)
    }
}

/// Shows the status until `shutdown` completes, or until nobody can change the status any more; then
/// shows that the program has stopped. A display that fails is logged once, is in `state`, and is tried again; it
/// never stops the program.
pub async fn run(
    panel: Panel,
    look: Look,
    clock: Arc<dyn Clock>,
    mut status: watch::Receiver<Status>,
    state: watch::Sender<DisplayState>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let Look { language, ambience } = look;
    let mut screen = Screen { panel: Some(panel), shown: None, state };
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let now = clock.unix_ms();
        let view = View::new(&status.borrow_and_update(), now, language);
        let age_max = if view.is_counting() { COUNTING_VIEW_AGE_MAX } else { VIEW_AGE_MAX };
        // Not inside `select!`: a drawing that is under way is finished, so that the last one is ours.
        let has_drawn = screen.show(Frame::new(view, now, &ambience)).await;
        let next = async {
            if has_drawn {
                sleep(REDRAW_WAIT_MIN).await;
            }
            // A time-out is no fault: texts such as "5 min ago" grow old while nothing changes, and panels
            // come and go.
            matches!(timeout(age_max, status.changed()).await, Ok(Err(_)))
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            is_last = next => if is_last { break },
        }
    }
    let view = View::stopped(&status.borrow(), language);
    screen.show(Frame::new(view, clock.unix_ms(), &ambience)).await;
}

struct Screen {
    /// Not here while a blocking thread draws.
    panel: Option<Panel>,
    shown: Option<Frame>,
    state: watch::Sender<DisplayState>,
}

impl Screen {
    /// Draws `frame` unless it is up already. Says whether it drew.
    async fn show(&mut self, frame: Frame) -> bool {
        let Some(mut panel) = self.panel.take() else { return false };
        let is_same = self.shown.as_ref() == Some(&frame);
        if panel.is_none() {
            self.panel = Some(panel);
            return false;
        }
        let drawn = spawn_blocking(move || {
            if is_same && panel.is_up() {
                let refreshed = panel.refresh().map(|()| false);
                return (panel, frame, refreshed);
            }
            let result = panel.show(|size| frame.draw(size)).map(|()| true);
            (panel, frame, result)
        });
        match drawn.await {
            Ok((panel, frame, result)) => {
                self.panel = Some(panel);
                // A picture that did not get up is tried again with the next look.
                self.shown = result.is_ok().then_some(frame);
                match result {
                    Err(error) => {
                        if self.state.send_replace(DisplayState::Failing) != DisplayState::Failing {
                            warn!(error = %Chain(&error), "no picture on the display; trying again");
                        }
                        false
                    }
                    Ok(has_drawn) => {
                        if self.state.send_replace(DisplayState::Up) == DisplayState::Failing {
                            info!("the display is back");
                        }
                        has_drawn
                    }
                }
            }
            Err(error) => {
                error!(error = %Chain(&error), "drawing panicked; the display is lost");
                self.state.send_replace(DisplayState::Failing);
                false
            }
        }
    }
}
