//! Pure decisions about the order of things: what may start now, what may stop now.

pub mod start;
pub mod stop;
