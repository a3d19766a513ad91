/// What all pictures have: a white ground, one typeface, numbers to a tenth.
package enum PictureFrame {
  /// A file of SVG.
  package static func text(_ parts: [String], width: Double, height: Double) -> String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" "
      + "viewBox=\"-12 -8 \(number(width)) \(number(height))\" "
      + "font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#1f2933\">\n"
      + "<rect x=\"-12\" y=\"-8\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      + parts.joined(separator: "\n") + "\n</svg>\n"
  }

  /// A text that begins at a place.
  package static func label(_ left: Double, _ base: Double, _ text: String) -> String {
    "<text x=\"\(number(left))\" y=\"\(number(base))\">\(escaped(text))</text>"
  }

  /// A text as SVG has it.
  package static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
  }

  /// A number to a tenth.
  package static func number(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
