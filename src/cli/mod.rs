//! The command line: one file per command. Each reads as one paragraph: load the app, look, plan,
//! act, report.

mod args;
mod baseline_file;
mod check;
mod config;
mod dev;
mod dev_watch;
mod dockerfile;
mod doctor;
mod down;
mod evidence_file;
mod exec;
mod exit;
mod explain;
mod fix;
mod init;
mod judge;
mod logs;
mod prod_check;
mod project;
mod ps;
mod rules;
mod schema;
mod source_lines;
mod stdout;
mod sync;

use clap::Parser;

use args::{Args, Command};
pub use exit::Exit;

/// Runs the command of this process's arguments and returns its exit code.
pub fn run() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing can be done when the terminal is gone.
            let _ = error.print();
            return if usage { Exit::Usage } else { Exit::Clean };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Engine;
        }
    };
    let before = args.project;
    let result = runtime.block_on(async {
        match args.command {
            Command::Check(check) => check::run(&check),
            Command::Config(shown) => config::run(&before.with(&shown.project), &shown),
            Command::Dev(dev) => dev::run(&before.with(&dev.project), dev).await,
            Command::Doctor(doctor) => doctor::run(doctor).await,
            Command::Dockerfile(shown) => {
                dockerfile::run(&before.with(&shown.project), shown).await
            }
            Command::Down(down) => down::run(&before.with(&down.project), down).await,
            Command::Exec(exec) => exec::run(&before.with(&exec.project), exec).await,
            Command::Explain(explain) => explain::run(&explain),
            Command::Init(init) => init::run(&before.with(&init.project), &init),
            Command::Logs(logs) => logs::run(&before, logs).await,
            Command::ProdCheck(check) => prod_check::run(&before.with(&check.project), check).await,
            Command::Ps(ps) => ps::run(&before.with(&ps.project), ps).await,
            Command::Rules(rules) => rules::run(&rules),
            Command::Schema(shown) => schema::run(&shown),
            Command::Sync(sync) => sync::run(&before.with(&sync.project), sync).await,
        }
    });
    // A blocking read of the terminal or a context still being packed must not hold the process.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit,
        Err(failure) => failure.print(),
    }
}
