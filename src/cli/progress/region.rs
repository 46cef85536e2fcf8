//! The live region: the last lines of a terminal, which are drawn again and again. Other output goes above it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A process has one terminal.
static REGION: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Whether the process is ending. If it is, nothing more is drawn.
static IS_GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Shows these lines instead of the ones before.
pub(super) fn draw(lines: &[String]) {
    let mut region = region();
    if IS_GIVEN_UP.load(Ordering::Relaxed) {
        return;
    }
    let bar = region.get_or_insert_with(|| {
        // The template is valid, because it is the same for every text.
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
    });
    bar.set_message(lines.join("\n"));
}

/// Removes the region from the screen.
pub(super) fn clear() {
    if let Some(bar) = region().take() {
        bar.finish_and_clear();
    }
}

/// Removes the region from the screen for good, unless another thread uses it.
pub(in crate::cli) fn give_up() {
    IS_GIVEN_UP.store(true, Ordering::Relaxed);
    if let Some(bar) = REGION.try_lock().ok().and_then(|mut region| region.take()) {
        bar.finish_and_clear();
    }
}

/// Writes something while the region is not on the screen.
pub(in crate::cli) fn without(write: impl FnOnce()) {
    match &*region() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The lock is never poisoned in a bad state: no code panics while it holds the lock.
fn region() -> MutexGuard<'static, Option<ProgressBar>> {
    REGION.lock().unwrap_or_else(PoisonError::into_inner)
}
