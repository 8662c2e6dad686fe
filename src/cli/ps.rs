//! `envsim ps`: the project's containers of every mode.

use super::args;
use super::exit::{Exit, Failure};
use super::project;
use crate::app::Mode;
use crate::engine::{Engine, ListedContainer};
use crate::labels;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Ps) -> Result<Exit, Failure> {
    let app = project::app(project, Mode::Dev, false)?;
    let engine = Engine::connect().await?;
    let mut containers = engine
        .containers(&[(labels::PROJECT, &app.name)], true)
        .await?;
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    if args.json {
        let all: Vec<_> = containers.iter().map(json).collect();
        println!("{}", serde_json::Value::from(all));
        return Ok(Exit::Clean);
    }
    let rows: Vec<[String; 5]> = containers.iter().map(row).collect();
    let head = ["SERVICE", "MODE", "CONTAINER", "STATUS", "PORTS"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows
            .iter()
            .chain([&head])
            .map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in std::iter::once(&head).chain(&rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
    Ok(Exit::Clean)
}

fn label(container: &ListedContainer, key: &str) -> String {
    container.labels.get(key).cloned().unwrap_or_default()
}

fn ports(container: &ListedContainer) -> Vec<String> {
    let published = container.ports.iter().filter(|port| port.host > 0);
    published
        .map(|port| {
            format!(
                "{}:{}->{}/{}",
                port.address, port.host, port.container, port.protocol
            )
        })
        .collect()
}

fn row(container: &ListedContainer) -> [String; 5] {
    let service = match label(container, labels::SERVICE) {
        service if service.is_empty() => format!("({})", label(container, labels::ROLE)),
        service => service,
    };
    [
        service,
        label(container, labels::MODE),
        container.name.clone(),
        container.status.clone(),
        ports(container).join(", "),
    ]
}

fn json(container: &ListedContainer) -> serde_json::Value {
    serde_json::json!({
        "service": label(container, labels::SERVICE),
        "mode": label(container, labels::MODE),
        "role": label(container, labels::ROLE),
        "container": container.name,
        "id": container.id,
        "state": container.state,
        "status": container.status,
        "ports": ports(container),
    })
}
