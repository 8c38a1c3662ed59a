//! A model of an Elastic Beanstalk instance on real systemd and real nginx, under load.
//!
//! - [`image`]: the root file system of an instance, built once
//! - [`machine`]: a container that boots from an image
//! - [`interruption`]: what a signal to this process ends and removes
//! - [`authority`]: a certificate authority inside the machine
//! - [`engine`]: the commands that EB's engine runs on an instance
//! - [`evidence`]: the state of an instance while requests wait
//! - [`load`]: clients that record every request
//! - [`scenario`]: acts on an instance under load, and the verdict
//! - [`report`]: the result as a table, as JSON and as a page

pub mod authority;
pub mod bundle;
pub mod clock;
pub mod engine;
pub mod evidence;
pub mod image;
pub mod instruction;
pub mod interruption;
pub mod load;
pub mod machine;
pub mod progress;
pub mod record;
pub mod report;
pub mod requirements;
pub mod result;
pub mod scenario;
pub mod stall;
pub mod summary;
mod text;
