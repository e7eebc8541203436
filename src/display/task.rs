//! The task that keeps the picture true: one for the whole program.
//!
//! ```text
//!  status changed --+
//!  VIEW_AGE_MAX   --+--> View --same as shown?--> wait
//!                              --new--> draw and show on a blocking thread --> rest REDRAW_WAIT_MIN
//!  shutdown ----------> "stopped" is drawn last: a still picture must not look alive
//! ```

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::display::backend::Backend;
use crate::display::render_view;
use crate::display::strings::Language;
use crate::display::view::View;
use crate::error::Chain;
use crate::limits::{REDRAW_WAIT_MIN, VIEW_AGE_MAX};
use crate::status::Status;

/// Shows the status until `shutdown` completes, or until nobody can change the status any more; then
/// shows that the program has stopped. A display that fails is logged once and tried again; it never
/// stops the program.
pub async fn run(
    backend: Backend,
    clock: Arc<dyn Clock>,
    mut status: watch::Receiver<Status>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let language = Language::default();
    let mut screen = Screen { backend: Some(backend), shown: None, is_failing: false };
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let view = View::new(&status.borrow_and_update(), clock.unix_ms(), language);
        // Not inside `select!`: a drawing that is under way is finished, so that the last one is ours.
        let has_drawn = screen.show(view).await;
        let next = async {
            if has_drawn {
                sleep(REDRAW_WAIT_MIN).await;
            }
            // A time-out is no fault: texts such as "5 min ago" grow old while nothing changes.
            matches!(timeout(VIEW_AGE_MAX, status.changed()).await, Ok(Err(_)))
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            is_last = next => if is_last { break },
        }
    }
    let view = View::stopped(&status.borrow(), language);
    screen.show(view).await;
}

struct Screen {
    /// Not here while a blocking thread draws.
    backend: Option<Backend>,
    shown: Option<View>,
    is_failing: bool,
}

impl Screen {
    /// Draws `view` unless it is up already. Says whether it drew.
    async fn show(&mut self, view: View) -> bool {
        if self.shown.as_ref() == Some(&view) {
            return false;
        }
        let Some(mut backend) = self.backend.take() else { return false };
        let Some(size) = backend.size() else {
            self.backend = Some(backend);
            return false;
        };
        let drawn = spawn_blocking(move || {
            let result = backend.show(&render_view(&view, size));
            (backend, view, result)
        });
        match drawn.await {
            Ok((backend, view, result)) => {
                self.backend = Some(backend);
                // A picture that did not get up is tried again with the next look.
                self.shown = result.is_ok().then_some(view);
                match result {
                    Err(error) if !self.is_failing => {
                        warn!(error = %Chain(&error), "the display shows an old picture");
                        self.is_failing = true;
                    }
                    Ok(()) if self.is_failing => {
                        info!("the display is back");
                        self.is_failing = false;
                    }
                    _ => {}
                }
            }
            Err(error) => error!(error = %Chain(&error), "drawing panicked; the display is lost"),
        }
        true
    }
}
