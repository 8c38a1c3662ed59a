//! A model of an Elastic Beanstalk instance on real systemd and real nginx, under load.
//!
//! - [`image`]: the root file system of an instance, built once;
//! - [`machine`]: a container booted from it;
//! - [`engine`]: what EB's engine does on it, command by command;
//! - [`load`]: clients that record every request;
//! - [`scenario`]: what happens to the instance meanwhile, and the verdict;
//! - [`report`]: the result for people and machines.

pub mod bundle;
pub mod clock;
pub mod engine;
pub mod image;
pub mod instruction;
pub mod load;
pub mod machine;
pub mod progress;
pub mod record;
pub mod report;
pub mod requirements;
pub mod result;
pub mod scenario;
pub mod summary;
mod text;
