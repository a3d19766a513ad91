/// A row of a table in columns of fixed widths, a space between two.
struct TableRow {
  /// The width of each column.
  let widths: [Int]
  /// How many columns, from the first on, begin at their left; the others end at their right.
  let leftCount: Int

  /// A line with cells.
  func text(_ cells: [String]) -> String {
    let padded = zip(cells, widths).enumerated().map { column, cell in
      let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
      return column < leftCount ? cell.0 + space : space + cell.0
    }
    return padded.joined(separator: " ") + "\n"
  }
}
