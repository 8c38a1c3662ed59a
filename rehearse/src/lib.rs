//! A model of an Elastic Beanstalk instance, and the load that shows what its clients see.

pub mod load;
pub mod record;
pub mod summary;
