/// What this version of the executable is called.
enum Release {
  /// The name and the version, as runs begin and `deepep --version` answers.
  static let name = "DeepEP 0.1.0"
}
