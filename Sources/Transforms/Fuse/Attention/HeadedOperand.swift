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

  /// Elements from one position of the sequence to the next.
  private var rowStride: Int { view.strides[1] }
  /// The number of elements of a row.
  private var width: Int { view.shape[3] }

  /// Rows of the head at hand from one on, where they are.
  func tile(from first: Affine) -> Tile {
    Tile(buffer, place(first, Affine()).index, rowStride: rowStride)
  }

  /// Rows of the head at hand as a tile of numbers of a type: where they are, or narrower ones widened
  /// into a buffer, so that this is done once and not for every product.
  func tile(
    from first: Affine, rows: Extent, in sum: ElementType, widenedInto buffer: Buffer?,
    _ writer: inout NestWriter
  ) -> Tile {
    guard let buffer else { return tile(from: first) }
    writer.loop(rows) { writer, row in
      writer.loop(width) { writer, column in
        let x = number(first + row, column, in: sum, &writer)
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

  /// Copies rows of a block of the head at hand as columns, `[width, rows]` or `[width / 2, rows, 2]`.
  ///
  /// - Parameter scale: What they are multiplied by, if they are not in pairs.
  func transpose(
    _ blocks: Blocks, _ block: Affine, group: Int, as element: ElementType,
    scaledBy scale: Register? = nil, into buffer: Buffer, _ writer: inout NestWriter
  ) {
    writer.loop(width / group) { writer, columns in
      writer.loop(blocks.positions(of: block)) { writer, row in
        for part in 0..<group {
          let column = columns * group + Affine(part)
          let x = number(block * blocks.size + row, column, in: element, &writer)
          writer.store(
            scale.map { writer.binary(element, .multiply, x, $0) } ?? x, buffer,
            (columns * blocks.size + row) * group + Affine(part))
        }
      }
    }
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
