//! Releases and runs: how one is prepared, becomes current, proves itself, and is removed.

pub mod alarm;
pub mod ends;
pub mod environment;
pub mod flipped;
pub mod give_back;
pub mod handover;
pub mod hold;
pub mod leftover;
pub mod prune;
pub mod rebuild;
pub mod release;
pub mod run;
pub mod state;
pub mod trial;
pub mod withdrawal;
