//! The parts that a YAML text is made of.

use super::input::Mark;

/// A part and where it stands.
#[derive(Debug)]
pub struct Token {
    /// What it is.
    pub part: Part,
    /// Its first character.
    pub start: Mark,
    /// The character after its last.
    pub end: Mark,
}

/// What a part is.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// Nothing more.
    End,
    /// `%YAML 1.1`.
    Version(u8, u8),
    /// `%TAG ! tag:example.org:`.
    TagDirective(String, String),
    /// `---`.
    DocumentStart,
    /// `...`.
    DocumentEnd,
    /// A list by indentation begins.
    SequenceStart,
    /// A mapping by indentation begins.
    MappingStart,
    /// One of them ends.
    BlockEnd,
    /// `[`.
    OpenBracket,
    /// `]`.
    CloseBracket,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `-`.
    Dash,
    /// `,`.
    Comma,
    /// `?`, or where a key without it begins.
    Key,
    /// `:`.
    Colon,
    /// `*name`.
    Alias(String),
    /// `&name`.
    Anchor(String),
    /// `!handle!suffix`.
    Tag(String, String),
    /// A scalar, and whether it is in quotes or a block.
    Scalar(String, bool),
}

impl Part {
    /// What to call it in a message.
    pub fn name(&self) -> &'static str {
        match self {
            Part::End => "the end of the file",
            Part::Version(..) | Part::TagDirective(..) => "a directive",
            Part::DocumentStart => "`---`",
            Part::DocumentEnd => "`...`",
            Part::SequenceStart | Part::Dash => "`-`",
            Part::MappingStart | Part::Key => "a key",
            Part::BlockEnd => "less indentation",
            Part::OpenBracket => "`[`",
            Part::CloseBracket => "`]`",
            Part::OpenBrace => "`{`",
            Part::CloseBrace => "`}`",
            Part::Comma => "`,`",
            Part::Colon => "`:`",
            Part::Alias(_) => "an alias",
            Part::Anchor(_) => "an anchor",
            Part::Tag(..) => "a tag",
            Part::Scalar(..) => "a value",
        }
    }
}
