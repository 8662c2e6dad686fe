//! Keeps the prose true: paths, rules, labels and commands that it names.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/x-envsim.md",
    "scripts/stand-ins/README.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text outside of fenced blocks, where sample output names files of other projects.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn every_path_that_the_prose_names_is_there() {
    let tops = ["scripts/", "examples/", "docs/", "src/", "tests/", ".ci/"];
    let mut gone = Vec::new();
    for page in PAGES {
        let text = prose(&read(page));
        for (index, quoted) in text.split('`').enumerate() {
            let path = quoted.trim_start_matches("./");
            let named = index % 2 == 1 && tops.iter().any(|top| path.starts_with(top));
            // `src/checks/<family>/` stands for many; a command has arguments.
            let literal = !path.contains(['<', '*', ' ', '{']);
            // The README's first run quotes files of an example.
            let sample = root()
                .join("examples/course-goals-broken")
                .join(path)
                .exists();
            if named && literal && !sample && !root().join(path).exists() {
                gone.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn the_readme_has_every_rule_with_its_code() {
    let readme = read("README.md");
    for rule in envsim::checks::RULES {
        let row = format!("| {} | `{}` |", rule.info.code, rule.info.name);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_changelog_names_every_rule() {
    let changelog = read("CHANGELOG.md");
    for rule in envsim::checks::RULES {
        let named = format!("{} `{}`", rule.info.code, rule.info.name);
        assert!(changelog.contains(&named), "{named}");
    }
}

#[test]
fn the_json_report_of_the_readme_is_a_part_of_a_real_one() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## JSON report").expect("the section");
    let block = section.split("```json\n").nth(1).expect("a block");
    let (sample, _) = block.split_once("```").expect("its end");
    let sample: serde_json::Value = serde_json::from_str(sample).expect("JSON");
    let output = Command::new(env!("CARGO_BIN_EXE_envsim"))
        .args(["-p", "course-goals-broken"])
        .args(["prod-check", "--static", "--format", "json"])
        .current_dir(root().join("examples/course-goals-broken"))
        .output()
        .expect("envsim can be started");
    let real: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    assert_eq!(keys(&sample), keys(&real));
    for key in keys(&sample) {
        match sample[&key].as_array() {
            Some(shown) => {
                let all = real[&key].as_array().expect("a list");
                assert!(shown.iter().all(|one| all.contains(one)), "{key}: {all:#?}");
                assert_eq!(shown.is_empty(), all.is_empty(), "{key}");
            }
            None => assert_eq!(sample[&key], real[&key], "{key}"),
        }
    }
}

/// The pages under `docs/rules` and what each has to hold.
fn rule_pages() -> Vec<(String, String)> {
    let rules = envsim::checks::RULES.iter().map(|rule| rule.info);
    let mut index = String::from(
        "# The rules\n\nWritten by `just rules` from the rules themselves.\n\n| code | name | severity | |\n|---|---|---|---|\n",
    );
    let mut pages = Vec::new();
    for info in rules {
        let file = format!("{}-{}.md", info.code, info.name);
        index.push_str(&format!(
            "| {} | [`{}`]({file}) | {} | {} |\n",
            info.code,
            info.name,
            info.severity.as_str(),
            info.summary
        ));
        pages.push((file, info.page()));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}

#[test]
fn the_pages_of_the_rules_are_those_that_the_rules_have() {
    let folder = root().join("docs/rules");
    let pages = rule_pages();
    if std::env::var_os("ENVSIM_WRITE_DOCS").is_some() {
        // What belongs to a rule that is no more goes.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (file, page) in &pages {
            std::fs::write(folder.join(file), page).expect("a page");
        }
    }
    for (file, page) in &pages {
        let there = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        assert!(
            there == *page,
            "docs/rules/{file} is not current: run `just rules`"
        );
    }
    let count = std::fs::read_dir(&folder).expect("docs/rules").count();
    assert_eq!(count, pages.len(), "docs/rules has pages of no rule");
}

/// The sections of a page: each heading with its text.
fn sections(page: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        match (line.strip_prefix("## "), sections.last_mut()) {
            (Some(heading), _) if !fenced => sections.push((heading, String::new())),
            (_, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (_, None) => {}
        }
    }
    sections
}

#[test]
fn every_page_of_a_rule_has_its_sections() {
    const SECTIONS: [&str; 4] = [
        "Why it breaks on ECS",
        "Broken",
        "Repaired",
        "When to ignore it",
    ];
    let mut wrong = Vec::new();
    for info in envsim::checks::RULES.iter().map(|rule| rule.info) {
        let page = info.page();
        let sections = sections(&page);
        let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
        if headings != SECTIONS {
            wrong.push(format!("{} has the sections {headings:?}", info.code));
            continue;
        }
        for (heading, text) in &sections {
            let code = text.matches("```").count();
            let example = matches!(*heading, "Broken" | "Repaired");
            if text.trim().is_empty() || code % 2 == 1 || (example && code == 0) {
                wrong.push(format!(
                    "{}: `{heading}` lacks its text or example",
                    info.code
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_readme_names_every_label() {
    use envsim::labels::{MODE, OWNER, PROJECT, ROLE, SERVICE, TASK, VERSION, VOLUME};
    let readme = read("README.md");
    for label in [MODE, OWNER, PROJECT, ROLE, SERVICE, TASK, VERSION, VOLUME] {
        assert!(readme.contains(&format!("`{label}`")), "{label}");
    }
}

#[test]
fn the_readme_shows_every_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_envsim"))
        .arg("--help")
        .output()
        .expect("envsim runs");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let commands = help.split("Commands:").nth(1).expect("a list of commands");
    let readme = read("README.md");
    let names = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let mut count = 0;
    for name in names.filter(|name| *name != "help") {
        assert!(readme.contains(&format!("envsim {name}")), "{name}");
        count += 1;
    }
    assert_eq!(count, 14, "{help}");
}

#[test]
fn every_example_says_what_it_shows() {
    for entry in std::fs::read_dir(root().join("examples"))
        .expect("examples")
        .flatten()
    {
        let has = |name: &str| Path::new(&entry.path()).join(name).is_file();
        assert!(
            has("README.md") && has("compose.yaml"),
            "{}",
            entry.path().display()
        );
    }
}
