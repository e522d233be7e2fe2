"""The flags that say what an experiment is. They are written to flags.txt, and relaunch the run from there.

Only this folder defines flags; the library takes plain arguments. No default is None, as a flag file cannot say it:
0 turns an option off where the help says so.
"""

from absl import flags

from experiments.flag_kinds import define_enum, define_float, define_integer

flags.DEFINE_string("task", "language_model", "What is learned; a name in experiments.task_table.TASKS.")
define_integer("seed", 0, "Seed of params, order of data and dropout.", low=0, high=2**31 - 1)

# Data
flags.DEFINE_string("dataset", "builtin", "A registered name, builtin, or FORMAT:PATH for a file of your own (text:).")
flags.DEFINE_string("data_dir", "data", "Where the files of registered data sets are, or are downloaded to.")
flags.DEFINE_list("splits", "0.9,0.05,0.05", "Shares of training, validation and test, for data without their own.")
define_enum(
    "tokens", "char", ["char", "word", "bpe", "unigram"], "What a token of text is; translations know pieces of words."
)
define_integer("vocabulary_size", 4000, "Pieces of words that a language has, with bpe and unigram.", low=2)
flags.DEFINE_string("languages", "", "Source and target of a registered parallel text, as in en-de; empty for its own.")
define_integer("min_count", 1, "Tokens that occur less often in the training split are unknown.", low=1)
flags.DEFINE_string("vectors", "", "A text file of word vectors (GloVe, word2vec) for a tagger to start with.")
define_integer(
    "max_length", 0, "Tokens that a classifier reads of a text; words of a pair to translate, or it is left out.", low=0
)
flags.DEFINE_string("keep_share", "", "LABEL:SHARE leaves a share of a label's training texts; empty for all of them.")
define_integer("batch_size", 32, "Rows of a training batch: parallel streams of a text.", low=1)
define_integer("eval_batch_size", 32, "Rows of a batch in evaluation.", low=1)
define_integer("window_size", 64, "Time steps of a window of text; the gradient reaches back as far.", low=1)
define_integer("frames_per_beat", 1, "Frames of a quarter note in MIDI files that are read and written.", low=1)
define_integer("transpose_semitones", 0, "How far training music is moved up or down at most; 0 for not.", low=0)
define_enum(
    "audio_features", "log_mel", ["log_mel", "mfcc"], "What a frame of sound is: mel bands, or cepstra of them."
)
define_integer("sample_rate", 8000, "Samples a second that recordings are resampled to.", low=1000)
define_float("window_ms", 25.0, "Milliseconds that a frame of sound sees.", low=0.1)
define_float("hop_ms", 10.0, "Milliseconds from a frame of sound to the next.", low=0.1)
define_integer("num_bands", 40, "Bands of the mel scale.", low=1)
define_integer("num_coefficients", 13, "Coefficients of mfcc, the first of which is the loudness.", low=1)
define_float("low_hz", 20.0, "Where the lowest band begins.", low=0.0)
define_float("high_hz", 0.0, "Where the highest band ends; 0 for half of --sample_rate.", low=0.0)
define_float("least_energy", 1e-8, "What the energy of a band is at least, before the logarithm.", low=1e-30)
flags.DEFINE_boolean(
    "subtract_mean", False, "Whether each recording's mean is taken from its features: loudness and microphone."
)
define_integer("time_masks", 0, "Stretches of frames that training masks in each recording; 0 for none.", low=0)
define_integer("time_mask_width", 10, "Most frames of such a stretch, and a fifth of the recording at most.", low=1)
define_integer("frequency_masks", 0, "Stretches of bands that training masks in each recording; 0 for none.", low=0)
define_integer("frequency_mask_width", 8, "Most bands of such a stretch.", low=1)
flags.DEFINE_boolean("permute_pixels", False, "Whether pixels are read in a fixed order that mixes all places.")
flags.DEFINE_boolean("reverse_complement", False, "Whether half of the DNA in training is read from the other strand.")
flags.DEFINE_list("target_columns", [], "Columns of a series to forecast, with commas; empty for all.")
define_enum(
    "gaps",
    "refuse",
    ["refuse", "mask", "forward_fill"],
    "A series' missing values: an error, read as missing, or the last value in their place.",
)
define_integer("lookback", 72, "Rows of a series that a forecast is made from.", low=1)
define_integer("horizon", 24, "Rows of a series that are forecast.", low=1)
define_integer("season", 24, "Rows of a series' season, such as 24 hours of a day.", low=1)
define_enum("system", "linear", ["linear", "pendulum"], "What is simulated and observed with noise, for filtering.")
define_float("missing_rate", 0.0, "Share of observations that are missing, for filtering.", 0.0, 0.99)
define_integer("sequence_length", 100, "Steps of a generated sequence, or of the wait in it.", low=1)
define_integer(
    "autocomplete_words", 0, "Words of each held-out split that autocomplete is measured on; 0 for none.", low=0
)

# Model
flags.DEFINE_string("cell", "lstm", "The recurrent cell; a name in seqlab.cells.CELLS.")
define_integer("hidden_size", 128, "Width of each recurrent layer and direction.", low=1)
define_integer("num_layers", 1, "Number of recurrent layers.", low=1)
flags.DEFINE_boolean("bidirectional", False, "Whether recurrent layers run in both directions; taggers always do.")
define_enum(
    "skip_connections",
    "none",
    ["none", "residual", "dense"],
    "Around recurrent layers: a layer's inputs added to its outputs, or every layer seen from both ends.",
)
flags.DEFINE_boolean("learned_carry", False, "Whether the first state of recurrent layers is learned.")
define_float("zoneout_rate", 0.0, "Share of the recurrent state that keeps its value at a step.", 0.0, 1.0)
define_integer("embedding_size", 64, "Width of the embedding.", low=1)
flags.DEFINE_boolean("tied_embeddings", False, "Whether the embedding is the output layer too.")
flags.DEFINE_string(
    "engine", "auto", "How cells are unrolled over time; a name in seqlab.engines.ENGINES, truncated:64, or auto."
)
define_enum("precision", "float32", ["float32", "bfloat16"], "Type of the factors of matrix products.")
define_integer("chrono_steps", 0, "Longest memory that gates start with (chrono); 0 for the cell's own start.", low=0)

define_enum("char_encoder", "convolutional", ["none", "recurrent", "convolutional"], "Over a word's characters.")
define_integer("character_size", 32, "Width of a tagged word's vector from its characters.", low=2)
define_enum("output_layer", "crf", ["softmax", "crf"], "Tags each for itself, or a linear-chain CRF over a sentence.")

define_enum("attention", "additive", ["none", "additive", "multiplicative"], "From a translation to its source.")
define_integer("beam_width", 5, "Hypotheses of the beam search for translations and transcripts.", low=1)
define_float("length_penalty", 1.0, "How much longer translations are favoured; 0 for plain probability.", low=0.0)

flags.DEFINE_string("language_model", "", "Folder of a language_model run that judges transcripts; empty for none.")
define_float("language_model_weight", 0.5, "Of its log-probabilities in the search for a transcript.", low=0.0)
define_float("label_bonus", 0.0, "What the search for a transcript adds for each of its labels.")

define_integer("conv_layers", 0, "Convolutions over time, or of frames, before recurrence; 0 for none.", low=0)
define_integer("conv_size", 32, "Width of each convolution.", low=1)
define_integer("conv_kernel", 5, "Time steps that a convolution sees.", low=1)
define_integer("conv_stride", 1, "Time steps from one output of a convolution to the next.", low=1)
define_enum("conv_padding", "same", ["same", "valid"], "Whether convolutions keep the length, or read no padding.")
define_integer("conv_pool", 1, "Of as many outputs of a convolution the largest is kept; 1 for all.", low=1)
flags.DEFINE_boolean("conv_residual", False, "Whether a convolution is a residual block of two.")
flags.DEFINE_boolean("position_channel", False, "Whether vectors get a channel that says where in their row they are.")
define_enum("frame_pooling", "mean", ["flatten", "mean"], "How the places of a video's frame become one vector.")

flags.DEFINE_boolean("label_ratios", False, "Whether a classifier's embedding starts with naive Bayes' ratios.")
define_enum(
    "forecast",
    "direct",
    ["direct", "recursive", "encoder_decoder"],
    "All rows ahead at once, or each from those before.",
)
define_enum(
    "difference", "none", ["none", "last", "season"], "What a forecaster subtracts from a series, and adds again."
)
define_enum("output_distribution", "point", ["point", "gaussian", "quantile"], "What is said of each number ahead.")
flags.DEFINE_boolean(
    "shared_columns", False, "Whether one forecaster reads every column alone, instead of all together."
)
define_enum("pooling", "last", ["last", "mean", "max", "attention"], "How a text's states become one.")
define_enum("conditioning", "none", ["none", "mode"], "What is said of a piece of music before its first frame.")

# Loss
define_float(
    "unknown_count", 0.0, "A tagger trains on words of n occurrences as unknown with a chance a / (n + a).", low=0.0
)
define_float(
    "scheduled_sampling_rate", 0.0, "Share of a target's tokens that training reads from the model itself.", 0.0, 1.0
)
define_float("word_dropout_rate", 0.0, "Share of the words that a classifier trains on as unknown.", 0.0, 0.99)
flags.DEFINE_string(
    "class_weights", "none", "Of a classifier's loss: none, balanced, or numbers with commas, one a label."
)
define_float("dropout_rate", 0.0, "Share of elements dropped before, between and after recurrent layers.", 0.0, 0.99)
flags.DEFINE_boolean("variational_dropout", False, "Whether dropout drops the same at all steps of a sequence.")
define_float("state_dropout_rate", 0.0, "Share of the recurrent state dropped for a whole sequence.", 0.0, 0.99)
define_float("reset_rate", 0.0, "Share of frames at which training a transcriber starts its state afresh.", 0.0, 0.99)
define_float("weight_drop_rate", 0.0, "Share of the recurrent kernels' elements dropped for a batch.", 0.0, 0.99)
define_float("label_smoothing", 0.0, "Share of the target's probability spread over all classes.", 0.0, 0.99)

# Optimizer
define_enum("optimizer", "adam", ["adam", "adamw", "sgd", "rmsprop"], "The direction of a step.")
define_float("learning_rate", 2e-3, "The full rate, which the schedule scales.", low=0.0)
define_float("momentum", 0.0, "Momentum of sgd and rmsprop; 0 for none.", 0.0, 0.999999)
define_enum(
    "schedule",
    "constant",
    ["constant", "inverse_time", "exponential", "step", "cosine"],
    "The learning rate over time.",
)
define_float("decay", 1.0, "Decay of inverse_time; factor of exponential and step each --decay_epochs.", low=0.0)
define_float("decay_epochs", 1.0, "Epochs in which exponential and step fall by --decay once.", low=1e-6)
define_float("final_fraction", 0.0, "Cosine ends at this fraction of the full rate.", 0.0, 1.0)
define_integer("warmup_steps", 0, "Steps over which the rate first grows from 0; 0 for none.", low=0)
define_float("clip_norm", 0.0, "Longest global norm of a gradient; 0 for no limit.", low=0.0)
define_float("clip_value", 0.0, "Largest entry of a gradient; 0 for no limit.", low=0.0)
define_float("clip_adaptive", 0.0, "Longest gradient of a unit relative to its weights; 0 for no limit.", low=0.0)
define_float("l1", 0.0, "Weight of the sum of |w| over kernels; 0 for none.", low=0.0)
define_float("l2", 0.0, "Weight of half the sum of w^2 over kernels; 0 for none.", low=0.0)
define_float("weight_decay", 0.0, "Decoupled decay of kernels; 0 for none.", low=0.0)

# Training
define_integer("num_epochs", 1, "Passes over the training split, where --num_steps is 0.", low=1)
define_integer("num_steps", 0, "Steps of training; 0 to count in epochs.", low=0)
define_integer("evaluate_every", 0, "Steps between evaluations and checkpoints; 0 for once an epoch.", low=0)
define_integer("patience", 0, "Evaluations without improvement after which to stop; 0 for never.", low=0)
define_integer("chunk_steps", 16, "Steps in one compiled call.", low=1)
define_integer("max_skipped_steps", 0, "Steps that are not finite and left out before the run stops.", low=0)
flags.DEFINE_boolean("debug_nans", False, "Whether a run that stops for a nan says which operation gave it first.")
