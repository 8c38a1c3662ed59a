//! The result of a rehearsal: on the terminal, as JSON, and as one self-contained page.
//!
//! All three are functions of a [`Rehearsal`] alone: no clock, no environment, so that the same
//! result gives the same bytes.

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
