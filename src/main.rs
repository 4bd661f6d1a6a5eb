//! The command line: arguments become one call.

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
