//! Releases and runs: how to prepare a release, make a run of it current, put it on trial, and remove it.

pub mod alarm;
pub mod certificates;
pub mod ends;
pub mod environment;
pub mod file_times;
pub mod flipped;
pub mod give_back;
pub mod handover;
pub mod health_log;
pub mod hold;
pub mod image;
pub mod leftover;
pub mod namespaces;
pub mod out_of_memory;
pub mod prune;
pub mod rebuild;
pub mod release;
pub mod run;
pub mod state;
pub mod surroundings;
pub mod symptom;
pub mod trial;
pub mod withdrawal;
pub mod writable;
