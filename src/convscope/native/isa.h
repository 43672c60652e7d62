/* Everything that is compiled once for each instruction set: twice, with OF_PICTURES for the convolution of pictures, which may
 * be tuned to the processor at hand, and without for training, whose bits shall not depend on that. */
#include "vector.h"
#ifdef OF_PICTURES
#include "convolution.h"
#define SCALAR float
#include "slide.h"
#undef SCALAR
#define SCALAR double
#include "slide.h"
#include "fourier.h"

const Convolver CONVOLVER = {slide_float, slide_double, spectrum, filter};
#else
#include "activations.h"
#include "conv.h"
#include "transforms.h"
#include "winograd.h"
#include "winograd_gradients.h"
#include "linear.h"
#include "norm.h"
#include "windows.h"
#include "block.h"
#endif
