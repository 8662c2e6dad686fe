//! Finds the ports that a program listens on, as far as texts tell: its command, its source, its
//! configuration, its image's name.
//!
//! [`shell`] takes command lines apart, [`command`] knows programs and their flags, [`source`] calls and
//! settings of source and configuration files, [`address`] the requests that a health check makes, and
//! [`stock`] images that many people use. Nothing here reads a file.

pub mod address;
pub mod command;
mod programs;
mod shell;
pub mod source;
pub mod stock;

/// A port that a text names as one that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMention {
    /// The port; 0 when a variable alone says it.
    pub port: u16,
    /// Line, from 1.
    pub line: u32,
    /// Column of its first character, from 1.
    pub column: u32,
    /// Column after its last character.
    pub end_column: u32,
    /// The environment variable whose default it is.
    pub variable: Option<String>,
}

/// The mention of `port` at the bytes `range` of `text`.
fn mention(text: &str, range: std::ops::Range<usize>, port: u16) -> PortMention {
    let before = &text[..range.start];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = text[start..range.start].chars().count() as u32 + 1;
    PortMention {
        port,
        line: before.matches('\n').count() as u32 + 1,
        column,
        end_column: column + text[range].chars().count() as u32,
        variable: None,
    }
}
