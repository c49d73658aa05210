//! stub
pub mod embed;
