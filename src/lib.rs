//! stub

pub mod embed;
pub mod identity;
