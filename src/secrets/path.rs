//! Paths that by their name hold keys or passwords, whatever is in them.

/// Whether a file or folder is a key, a password file, or where tools keep them. A certificate alone is public.
pub fn holds_credentials(path: &str) -> bool {
    const PARTS: &[&str] = &[".aws", ".azure", ".gnupg", ".kube", ".ssh"];
    const NAMES: &[&str] = &[
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".htpasswd",
        "htpasswd",
        "credentials.json",
        "credentials",
        "kubeconfig",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "acme.json",
        "private.key",
    ];
    const ENDINGS: &[&str] = &[".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let key_in_pem = name.ends_with(".pem")
        && !["cert", "chain", "ca", "dhparam", "public", "pub"]
            .iter()
            .any(|public| name.contains(public));
    let account = name.ends_with(".json")
        && (name.contains("service-account")
            || name.contains("serviceaccount")
            || name.contains("service_account"));
    lower.split('/').any(|part| PARTS.contains(&part))
        || NAMES.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || key_in_pem
        || account
        || is_env_file(name)
}

/// `.env` and its like, but not the samples of them.
pub fn is_env_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let sample = ["example", "sample", "template", "dist", "default"];
    name == ".env"
        || (name.starts_with(".env.") || name.starts_with(".env-"))
            && !sample.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_certificates_and_settings() {
        for path in [
            "/home/me/.aws",
            "certs/server.key",
            "certs/privkey.pem",
            ".ssh/id_rsa",
            ".env",
            "web/.env.local",
            "gcp-service-account.json",
            "nginx/.htpasswd",
        ] {
            assert!(holds_credentials(path), "{path}");
        }
        for path in [
            "certs/fullchain.pem",
            ".docker/nginx.conf",
            "certs/ca.pem",
            "server.crt",
            ".env.example",
            "app.json",
            "src/keys.js",
            "nginx.conf",
        ] {
            assert!(!holds_credentials(path), "{path}");
        }
    }
}
