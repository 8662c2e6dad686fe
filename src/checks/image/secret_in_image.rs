//! E008 `secret-in-image`.

use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{Carrier, Evidence, SecretSeen};
use crate::finding::{Finding, Severity};

rule! {
    /// A secret in an image that the project builds: an env file, a private key, credentials, a token, the
    /// `.git` directory, or a secret value in an `ENV` or `ARG`.
    ///
    /// A run looks into every layer of the image that is not its base image's, so what one instruction
    /// brings and a later one removes is found as well. Without a run, the COPY instructions and the ignore
    /// file tell. Values are neither shown nor kept. Samples (`.env.example`), public keys, certificates and
    /// what packages and tests bring are left alone.
    ///
    /// ## Why it breaks on ECS
    ///
    /// An image goes to a registry, and from there to everybody who may pull it: every task, every
    /// developer, every job of the CI. Its layers cannot be taken back, and a file that `RUN rm` removes is
    /// still in the layer below. On ECS the secret has a place of its own: `secrets` in the task definition,
    /// from Secrets Manager or the Parameter Store ("Pass sensitive data to an Amazon ECS container"). And
    /// an env file in the image wins over nothing: it hides that production lacks the variable.
    ///
    /// ## Broken
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY . .
    /// RUN rm .env
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY . .
    /// ```
    ///
    /// ```gitignore
    /// # .dockerignore
    /// .env
    /// .git
    /// ```
    ///
    /// What only the build needs comes by `RUN --mount=type=secret`, which leaves nothing in the image. A
    /// secret that was pushed is to be replaced.
    ///
    /// ## When to ignore it
    ///
    /// When the value opens nothing: the key of a test, the password of a database that only ever holds
    /// samples.
    "E008", "secret-in-image", Error, since "0.1.0",
    needs [Files, Layers],
    "a secret in an image that the project builds",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    evidence.secrets.iter().map(finding).collect()
}

fn finding(seen: &SecretSeen) -> Finding {
    let SecretSeen { what, name, .. } = seen;
    let services = list(&seen.services);
    let how = match &seen.carrier {
        Carrier::Variable { instruction } => format!("`{instruction} {name}` is {what}"),
        Carrier::Layer { removed: true, .. } => {
            format!("`{name}` is {what}, removed again and still in a layer")
        }
        Carrier::Layer { .. } | Carrier::Copied => format!("`{name}` is {what}"),
    };
    let message = format!("{how} in the image of {services}: whoever can pull the image has it");
    let mut finding = Finding::new(&INFO, message, help(seen))
        .data("path", &**name)
        .data("what", &**what)
        .data("services", seen.services.clone());
    if let Some(service) = seen.services.first() {
        finding = finding.service(service);
    }
    if let Some(place) = &seen.place {
        finding = finding.at(place, "");
    }
    let variable = matches!(seen.carrier, Carrier::Variable { .. });
    if !seen.real || variable {
        finding.severity = Severity::Warning;
    }
    if let Some(source) = &seen.source {
        finding = finding.proof(format!("it is `{source}` of the build context"));
    }
    match &seen.carrier {
        Carrier::Layer { instruction, .. } if !instruction.is_empty() => {
            finding.proof(format!("the layer was made by `{instruction}`"))
        }
        Carrier::Variable { .. } => {
            finding.proof("`docker history` and `docker inspect` show its value")
        }
        _ => finding,
    }
}

fn help(seen: &SecretSeen) -> String {
    match (&seen.carrier, &seen.source) {
        (Carrier::Variable { instruction }, _) if instruction == "ARG" => {
            "give it to the build with `RUN --mount=type=secret`, and replace it if the image was pushed".to_owned()
        }
        (Carrier::Variable { .. }, _) => {
            "set it with `secrets` in the task definition, and replace it if the image was pushed".to_owned()
        }
        (_, Some(source)) => {
            let name = source.rsplit('/').next().unwrap_or(source);
            format!("write `{name}` into .dockerignore, and replace the secret if the image was pushed")
        }
        (_, None) => "do not write it in the build (`RUN --mount=type=secret` leaves nothing behind), and replace it if the image was pushed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;

    fn seen(what: &str, real: bool, carrier: Carrier) -> SecretSeen {
        SecretSeen {
            services: vec!["web".to_owned()],
            what: what.to_owned(),
            name: "/app/.env".to_owned(),
            real,
            carrier,
            place: Some(Place::start_of("Dockerfile")),
            source: Some("web/.env".to_owned()),
        }
    }

    fn found(seen: SecretSeen) -> Finding {
        let mut evidence = evidence("services: {web: {build: .}}\n");
        evidence.secrets.push(seen);
        check(&evidence).remove(0)
    }

    #[test]
    fn a_secret_that_is_used_is_an_error_and_a_placeholder_a_warning() {
        let error = found(seen(
            "an env file with secret values",
            true,
            Carrier::Copied,
        ));
        assert_eq!(error.severity, Severity::Error);
        assert!(
            error.help.contains("write `.env` into .dockerignore"),
            "{}",
            error.help
        );
        let warning = found(seen(
            "an env file with secret values",
            false,
            Carrier::Copied,
        ));
        assert_eq!(warning.severity, Severity::Warning);
    }

    #[test]
    fn what_was_removed_again_is_said_to_be_still_there() {
        let layer = Carrier::Layer {
            instruction: "COPY . .".to_owned(),
            removed: true,
        };
        let finding = found(seen("a private key", true, layer));
        assert!(
            finding.message.contains("still in a layer"),
            "{}",
            finding.message
        );
        assert!(
            finding
                .evidence
                .iter()
                .any(|proof| proof.contains("`COPY . .`"))
        );
    }

    #[test]
    fn a_variable_is_a_warning() {
        let variable = Carrier::Variable {
            instruction: "ENV".to_owned(),
        };
        let finding = found(SecretSeen {
            source: None,
            ..seen("a variable with a secret value", true, variable)
        });
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.help.contains("`secrets`"));
    }

    #[test]
    fn no_secret_is_no_finding() {
        assert!(check(&evidence("services: {web: {build: .}}\n")).is_empty());
    }
}
