//! The result of a rehearsal: on the terminal, as JSON, and as one self-contained page.
//!
//! All three depend only on a [`Rehearsal`]. They read no clock and no environment, so the same result always
//! gives the same bytes.

mod format;
mod html;
mod json;
mod rehearsal;
mod svg;
mod terminal;
mod timeline;

pub use html::html;
pub use json::json;
pub use rehearsal::Rehearsal;
pub use terminal::terminal;
