import DeepEPElements
import DeepEPTensors

/// An operand of attention in memory, `[batch, sequence, heads, width]` seen through a view.
struct HeadedOperand {
  let buffer: Buffer
  let element: ElementType
  private let view: View

  /// An operand of a region, seen through a view.
  init(_ number: Int, _ types: [Type], _ views: [View]) {
    buffer = .operand(number)
    element = types[number].element
    view = views[number]
  }

  /// The number of elements of a row.
  private var width: Int { view.shape[3] }

  /// Rows of the head at hand, copied as numbers of a type into a buffer: what is used again and again
  /// lies together, and narrow numbers are widened once.
  func rows(
    _ blocks: Blocks, _ block: Affine, as element: ElementType, into buffer: Buffer,
    _ writer: inout NestWriter
  ) -> Tile {
    writer.loop(blocks.positions(of: block)) { writer, row in
      writer.loop(width) { writer, column in
        let x = number(block * blocks.size + row, column, in: element, &writer)
        writer.store(x, buffer, row * width + column)
      }
    }
    return Tile(buffer, Index(), rowStride: width)
  }

  /// Rows of a block of the head at hand in pairs, `[rows / 2, width, 2]`, copied into a buffer; zeros
  /// stand beside a lone one.
  func pairs(
    _ blocks: Blocks, _ block: Affine, into buffer: Buffer, _ writer: inout NestWriter
  ) -> Tile {
    let zero = writer.constant(element, 0)
    blocks.forEachPair(of: block, &writer) { writer, pair, rows in
      writer.loop(width) { writer, column in
        let place = (pair * width + column) * 2
        let numbers = rows.map {
          number(block * blocks.size + $0, column, in: element, &writer)
        }
        writer.store(numbers[0], buffer, place)
        writer.store(numbers.count > 1 ? numbers[1] : zero, buffer, place + Affine(1))
      }
    }
    return Tile(buffer, Index(), rowStride: 2 * width, columnStride: 2)
  }

  /// Writes the load of one number of the head at hand, as a type.
  func number(
    _ row: Affine, _ column: Affine, in sum: ElementType, _ writer: inout NestWriter
  ) -> Register {
    let x = writer.load(element, buffer, place(row, column))
    return writer.converted(x, from: element, to: sum)
  }

  private func place(_ row: Affine, _ column: Affine) -> Affine {
    let index = [Affine(variable: 0), row, Affine(variable: 1), column]
    return Affine(view.offset) + Affine.position(index, view.strides)
  }
}
