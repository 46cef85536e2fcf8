//! The `fgctl` program. All of it is in the library; see `fgctl::cli`.

fn main() -> std::process::ExitCode {
    fgctl::cli::main()
}
