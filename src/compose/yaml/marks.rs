//! Reading what stands before a value: anchors, tags, and the directives before a document.

use super::input::{Mark, Syntax};
use super::scanner::Scanner;
use super::token::Part;

impl Scanner<'_> {
    /// `&name` or `*name`.
    pub(super) fn anchor(&mut self) -> Result<(), Syntax> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.input.mark();
        let alias = self.input.byte(0) == b'*';
        self.input.skip();
        let mut name = String::new();
        // A name is visible ASCII without a colon or brackets: less than YAML allows.
        while is_name(self.input.byte(0)) {
            self.input.read(&mut name);
        }
        let after = self.input.byte(0);
        let ends = self.input.is_space_or_end(0) || b":,]}".contains(&after);
        if name.is_empty() || !ends {
            let what = if alias {
                "an alias (`*`)"
            } else {
                "an anchor (`&`)"
            };
            let message = format!("{what} needs a name of letters, digits and `-_.`");
            return Err(Syntax::new(message, self.input.mark())
                .help("put a text that begins with `*` or `&` in quotes"));
        }
        let part = if alias {
            Part::Alias(name)
        } else {
            Part::Anchor(name)
        };
        let end = self.input.mark();
        self.add(part, start, end);
        Ok(())
    }

    /// `!name`, `!!name`, `!handle!name` or `!<name>`.
    pub(super) fn tag(&mut self) -> Result<(), Syntax> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.input.mark();
        let (handle, suffix) = match self.input.byte(1) {
            b'<' => (String::new(), self.verbatim_tag(start)?),
            _ => self.short_tag(start)?,
        };
        if !self.input.is_space_or_end(0) {
            return Err(self.tag_error("white space must follow a tag"));
        }
        let end = self.input.mark();
        self.add(Part::Tag(handle, suffix), start, end);
        Ok(())
    }

    fn verbatim_tag(&mut self, start: Mark) -> Result<String, Syntax> {
        self.input.skip();
        self.input.skip();
        let mut suffix = String::new();
        self.tag_uri(&mut suffix, true)?;
        if suffix.is_empty() || self.input.byte(0) != b'>' {
            return Err(Syntax::new("this tag has no `>` at its end", start));
        }
        self.input.skip();
        Ok(suffix)
    }

    fn short_tag(&mut self, start: Mark) -> Result<(String, String), Syntax> {
        let mut handle = self.tag_handle();
        let mut suffix = String::new();
        if handle.len() > 1 && handle.ends_with('!') {
            self.tag_uri(&mut suffix, false)?;
            if suffix.is_empty() {
                return Err(Syntax::new("a name must follow `!!`", start));
            }
            return Ok((handle, suffix));
        }
        suffix.push_str(&handle[1..]);
        self.tag_uri(&mut suffix, false)?;
        handle.truncate(1);
        // `!` alone is a tag without a handle.
        Ok(if suffix.is_empty() {
            (suffix, handle)
        } else {
            (handle, suffix)
        })
    }

    /// `!`, `!!` or `!name!`; or `!name`, which is the beginning of a tag without a handle.
    fn tag_handle(&mut self) -> String {
        let mut handle = String::new();
        self.input.read(&mut handle);
        while is_word(self.input.byte(0)) {
            self.input.read(&mut handle);
        }
        if self.input.byte(0) == b'!' {
            self.input.read(&mut handle);
        }
        handle
    }

    fn tag_uri(&mut self, uri: &mut String, verbatim: bool) -> Result<(), Syntax> {
        loop {
            match self.input.byte(0) {
                b'%' => self.tag_escape(uri)?,
                b',' | b'[' | b']' | b'{' | b'}' if !verbatim => break,
                byte if is_word(byte) || b";/?:@&=+$.!~*'(),[]{}".contains(&byte) && byte != 0 => {
                    self.input.read(uri);
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// `%C3%A9`: the bytes of one character.
    fn tag_escape(&mut self, uri: &mut String) -> Result<(), Syntax> {
        let mut bytes = Vec::new();
        while self.input.byte(0) == b'%' && bytes.len() < 4 {
            let digit = |ahead| char::from(self.input.byte(ahead)).to_digit(16);
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                return Err(self.tag_error("two hexadecimal digits must follow `%` in a tag"));
            };
            bytes.push((high << 4 | low) as u8);
            for _ in 0..3 {
                self.input.skip();
            }
            if let Ok(text) = str::from_utf8(&bytes) {
                uri.push_str(text);
                return Ok(());
            }
        }
        Err(self.tag_error("these escapes are no character of UTF-8"))
    }

    fn tag_error(&self, message: &str) -> Syntax {
        Syntax::new(message, self.input.mark()).help("put a text that begins with `!` in quotes")
    }

    /// `%YAML` or `%TAG` at the start of a line.
    pub(super) fn directive(&mut self) -> Result<(), Syntax> {
        let start = self.input.mark();
        self.input.skip();
        let mut name = String::new();
        while is_word(self.input.byte(0)) {
            self.input.read(&mut name);
        }
        let spaced = self.input.is_space_or_end(0);
        self.input.skip_blanks();
        let part = match name.as_str() {
            "YAML" if spaced => self.version()?,
            "TAG" if spaced => self.tag_directive()?,
            _ => {
                return Err(
                    Syntax::new("only `%YAML` and `%TAG` can begin a line so", start)
                        .help("put a text that begins with `%` in quotes"),
                );
            }
        };
        let end = self.input.mark();
        self.input.skip_blanks();
        if self.input.byte(0) == b'#' {
            self.input.skip_line();
        }
        if !self.input.is_break_or_end(0) {
            return Err(Syntax::new("nothing may follow here", self.input.mark()));
        }
        self.input.skip_break();
        self.add(part, start, end);
        Ok(())
    }

    fn version(&mut self) -> Result<Part, Syntax> {
        let major = self.version_number()?;
        if self.input.byte(0) != b'.' {
            return Err(Syntax::new(
                "a version such as `1.1` must stand here",
                self.input.mark(),
            ));
        }
        self.input.skip();
        Ok(Part::Version(major, self.version_number()?))
    }

    fn version_number(&mut self) -> Result<u8, Syntax> {
        let mark = self.input.mark();
        let mut digits = String::new();
        while self.input.byte(0).is_ascii_digit() {
            self.input.read(&mut digits);
        }
        let short = digits.len() <= 2;
        digits
            .parse()
            .ok()
            .filter(|_| short)
            .ok_or_else(|| Syntax::new("a version such as `1.1` must stand here", mark))
    }

    fn tag_directive(&mut self) -> Result<Part, Syntax> {
        let mark = self.input.mark();
        let handle = match self.input.byte(0) {
            b'!' => self.tag_handle(),
            _ => String::new(),
        };
        let mut prefix = String::new();
        let spaced = self.input.is_blank(0);
        self.input.skip_blanks();
        self.tag_uri(&mut prefix, true)?;
        let whole = handle.ends_with('!') && !prefix.is_empty() && self.input.is_space_or_end(0);
        match whole && spaced {
            true => Ok(Part::TagDirective(handle, prefix)),
            false => Err(Syntax::new(
                "`%TAG` takes a handle and a prefix: `%TAG ! tag:x:`",
                mark,
            )),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b":,[]{}".contains(&byte)
}
