//! The rules of `envsim dev`: those of `develop.watch`, ready to be asked.

use super::exit::Failure;
use crate::app::App;
use crate::build::context;
use crate::dev::live::Ruled;
use crate::dev::watch::rule::Matcher;

/// The services with their rules.
///
/// # Errors
/// An ignore file or a pattern that is not valid.
pub fn ruled(app: &App) -> Result<Vec<Ruled<'_>>, Failure> {
    let mut all = Vec::new();
    for service in app.services.values() {
        let context = match &service.build {
            None => None,
            Some(build) => {
                let ignore = context::find_ignore(&build.context, Some(&build.dockerfile));
                let ignore = ignore.map_err(|error| {
                    Failure::usage(error.to_string(), "correct the ignore file")
                })?;
                Some((build.context.clone(), ignore))
            }
        };
        let mut matchers = Vec::new();
        for rule in &service.watch {
            let matcher = Matcher::new(rule, context.clone()).map_err(|error| {
                Failure::usage(
                    format!("{}: {error}", rule.place),
                    "correct the pattern of the watch rule",
                )
            })?;
            matchers.push(matcher);
        }
        all.push(Ruled { service, matchers });
    }
    Ok(all)
}
