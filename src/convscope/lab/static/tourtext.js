/* The ten minutes: eight chapters in our own words, each with a place to be and something to do. */

/**
 * @typedef {object} Chapter
 * @property {string} title
 * @property {string[]} text     a sentence or two each; [brackets] mark a term that is explained here
 * @property {Partial<import("./link.js").Place>} place  where it happens
 * @property {string} task
 * @property {(now: import("./link.js").Place, before: import("./link.js").Place, start: import("./link.js").Place) => boolean} done
 * @property {string} praise
 * @property {import("./compare/tourfigures.js").Figures} [figures]  errors out of a packaged contest, and published ones
 */

/** @type {Chapter[]} */
export const CHAPTERS = [
  {
    title: "A kernel",
    text: [
      "A picture is a square of numbers: how bright each pixel is. A [kernel] is a smaller square of numbers.",
      "Lay the kernel on a corner of the picture. Multiply each of its numbers with the pixel under it, and add all the products. The sum goes into a new square, at the same place.",
      "Move the kernel one pixel on, and do it again, until it has been everywhere. The new square is the [feature map]. That is all there is to convolution.",
    ],
    place: { view: "slide", unit: "C1/0", picture: "test/0", epoch: null, ops: [] },
    task: "Move the kernel with the arrow keys or by hand until it lies on the bar of the seven. Watch the sum.",
    done: (now, before, start) => Boolean(now.more.at) && now.more.at !== before.more.at && before.more.at !== start.more.at,
    praise: "You have computed a part of a feature map.",
  },
  {
    title: "Magnet paper",
    text: [
      "Magnetic viewing paper is a dark green film. Lay it on a tablet, and it lights up where a magnet is hidden underneath.",
      "A kernel is such a paper. Where the picture looks like the kernel the map glows [green]. Where it looks like the opposite it turns [purple]. Where it is neither the paper stays as it was.",
      "This one looks for light that begins below: the lower border of something dark, the upper border of something light.",
    ],
    place: { view: "paper", picture: "test/0", unit: "", epoch: null, ops: [] },
    task: "Take another sheet from the tray, and find one that lights up along the stem of the seven.",
    done: (now, _, start) => now.view === "paper" && JSON.stringify(now.more) !== JSON.stringify(start.more),
    praise: "Each sheet finds another material.",
  },
  {
    title: "Shrinking, and padding",
    text: [
      "Nine numbers give one. So the kernel has fewer places to lie than the picture has pixels, and the map is [smaller] than its picture.",
      "A pixel in the corner is seen once; one in the middle is seen by every cell of the kernel in turn. What is at the border counts less.",
      "[Padding] lays a border of zeros around the picture first. Then the map can be as large as the picture.",
    ],
    place: { view: "pad", picture: "test/0", unit: "", epoch: null, ops: [] },
    task: "Give the first layer a padding of 2, and see which layer no longer fits.",
    done: (now, _, start) => now.view === "pad" && JSON.stringify(now.more) !== JSON.stringify(start.more),
    praise: "Now you know why people count pixels when they build a network.",
  },
  {
    title: "Many papers",
    text: [
      "Something is hidden under a curtain, and you may not look. But you may lay papers on it: one that finds iron, one that finds wood, one that finds glass. From what lights up, and where, you can say what it is.",
      "A [convolutional network] does that. Its first layer has a few papers, for strokes and edges. The next layer lays its papers on those maps, and finds corners and curves. The last ones decide together.",
    ],
    place: { view: "draw", picture: "test/0", unit: "", epoch: null, ops: [] },
    task: "Mute the unit that speaks loudest for the answer. Then take it back at the bottom of the page.",
    done: (now, before) => before.ops.length > 0 && now.ops.length < before.ops.length,
    praise: "One paper less, and the others still know: or they do not.",
  },
  {
    title: "LeNet, 1998",
    text: [
      "Nobody painted these kernels. They began as noise. Shown 60,000 handwritten digits again and again, the network changed each number a little whenever it was wrong. That is [learning].",
      "Yann LeCun and his colleagues built LeNet-5 so in 1998: 60,000 numbers to be learned, on digits that are called MNIST. It made fewer mistakes than every single method beside it that learned from the same digits as they were.",
    ],
    place: { view: "units", picture: "test/0", unit: "", epoch: 0, ops: [], more: { layer: "C1" } },
    task: "Move the epoch slider at the bottom from the random start to the end, and watch the kernels form.",
    done: (now, before, start) => now.view === "units" && start.epoch !== null && before.epoch !== null && now.epoch === null,
    praise: "This net learned that in less than half a minute on a laptop. In 1998 it took two to three days.",
    figures: { contest: "mnist", methods: ["linear", "knn", "svm-poly4", "svm-virtual", "lenet5", "lenet5-distorted"] },
  },
  {
    title: "Under the curtain",
    text: [
      "A network that was taught small pictures finds things in large ones. It is moved over the page like a kernel over a picture, [window] by window, and says of each window what is in it.",
      "Windows that overlap share nearly all of their sums. So nobody cuts the page into pieces: each layer slides over all of it once, and answers for thousands of windows at a time. LeCun and his colleagues read whole lines of digits so in 1998.",
      "This net has one class more, [nothing]: most windows of a page hold no digit, and a net that never learned that names one everywhere.",
    ],
    place: { run: "finder", view: "find", picture: "page/1", unit: "", epoch: null, ops: [] },
    task: "Click a digit that it found, and see how sure it is. Then look for one that it missed.",
    done: (now, _, start) => now.view === "find" && Boolean(now.more.box) && now.more.box !== start.more.box,
    praise: "Point at the green beside it: the dashed frame is the window that the net saw.",
  },
  {
    title: "AlexNet, 2012",
    text: [
      "For photographs the same idea needs more layers, far more numbers and millions of pictures. For years that was too slow.",
      "In 2012 Alex Krizhevsky, Ilya Sutskever and Geoffrey Hinton trained a network with 60 million numbers on 1.2 million photographs, for five to six days on two graphics cards, [GPUs], which do thousands of multiplications at a time.",
      "It beat the best method without learned kernels by more than ten percentage points. Since then nearly everybody who works with pictures uses convolution, or what grew out of it.",
    ],
    place: { view: "train", picture: "", unit: "", epoch: null, ops: [], more: { net: "lenet5-modern", recipe: "quick" } },
    task: "Teach a network of your own: start the training, and watch its kernels form.",
    done: (now) => now.view === "train" && Boolean(now.more.training),
    praise: "Your machine is doing now what took a room of computers once.",
    figures: { contest: "imagenette-160", best: 2, elsewhere: "ilsvrc-2012" },
  },
  {
    title: "What next",
    text: [
      "You have seen every part: kernels that slide, maps that shrink, layers that learn, and what each unit says about your picture.",
      "A folder of pictures, one subfolder for each thing that is to be told apart, is all that a network of your own needs: the page called Train takes it.",
    ],
    place: { view: "draw", picture: "", unit: "", epoch: null, ops: [] },
    task: "Draw or drop a picture that fools the network, and send somebody the link.",
    done: (now, _, start) => now.view === "draw" && now.picture !== start.picture && /^(ink|kept)/.test(now.picture) && start.picture !== "",
    praise: "Whoever opens the link sees what you see.",
  },
];
