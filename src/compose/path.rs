//! Where in a document a value stands, for rules that hold at one place only.

/// The keys from the top of a document down to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path with these keys.
    pub fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    /// Goes down to `key`.
    pub fn push(&mut self, key: &str) {
        self.0.push(key.to_owned());
    }

    /// Goes up again.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The keys.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// True when every key is that of `pattern`, written with dots, where `*` is any key. What is
    /// said of services holds for jobs, which are described alike.
    pub fn matches(&self, pattern: &str) -> bool {
        let mut parts = pattern.split('.');
        let same = |(depth, key): (usize, &String)| {
            let key = match (depth, key.as_str()) {
                (0, "jobs") => "services",
                (_, key) => key,
            };
            parts.next().is_some_and(|part| part == "*" || part == key)
        };
        self.0.iter().enumerate().all(same) && parts.next().is_none()
    }
}

impl std::fmt::Display for KeyPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
