//! Debuggers, in the command and in the variables that ask for one.

use super::{Call, Environment, Found, Server, early};
use crate::evidence::Process;

const DEBUGGER: &str = "start the program without the debugger";

/// A debugger in front of the program.
pub fn found(call: &Call) -> Found {
    let debugging = |name: &str| Some((format!("the debugger {name}"), DEBUGGER));
    match call.program {
        "debugpy" | "ptvsd" | "pdb" | "ipdb" | "pudb" | "dlv" | "gdbserver" | "rdebug-ide"
        | "rdbg" => debugging(call.program),
        "python"
            if call
                .arguments
                .iter()
                .any(|word| matches!(*word, "debugpy" | "ptvsd")) =>
        {
            debugging("debugpy")
        }
        "node" | "tsx" | "ts-node"
            if early(call, &["--inspect", "--inspect-brk", "--inspect-wait"]) =>
        {
            debugging("of Node.js (`--inspect`)")
        }
        "java" if call.arguments.iter().any(|word| is_jdwp(word)) => debugging("of Java (JDWP)"),
        _ => None,
    }
}

fn is_jdwp(word: &str) -> bool {
    word.contains("-agentlib:jdwp") || word.contains("-Xrunjdwp")
}

/// A debugger that a variable asks for.
pub fn in_environment(call: &Call, process: &Process, environment: &Environment) -> Option<Server> {
    let variables: &[&str] = match call.program {
        "node" | "npm" | "yarn" | "pnpm" | "next" | "tsx" => &["NODE_OPTIONS"],
        "java" | "catalina.sh" => &[
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "JAVA_OPTS",
            "CATALINA_OPTS",
        ],
        _ => &[],
    };
    variables.iter().find_map(|name| {
        let (value, place) = environment.get(process, name)?;
        let debugs = is_jdwp(&value)
            || value
                .split_whitespace()
                .any(|word| word.starts_with("--inspect"));
        debugs.then(|| Server {
            what: format!("the debugger that `{name}` asks for"),
            instead: "take the debugger out of the variable for production",
            proofs: vec![(Some(place), format!("`{name}` is `{value}`"))],
        })
    })
}
