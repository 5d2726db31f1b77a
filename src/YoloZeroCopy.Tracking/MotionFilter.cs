using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Kalman filter of a box that moves at a constant velocity: its centre, its width over its height, its height, and the change of each.
/// </summary>
/// <remarks>
/// The filter of SORT and ByteTrack has one state of eight numbers. Its motion, its noise and its measurements never mix the four coordinates, so
/// its covariance is made of four blocks of 2x2: four small filters give the same numbers. Deviations are parts of the height, as published.
/// </remarks>
internal struct MotionFilter
{
    private const double PositionDeviation = 1.0 / 20;
    private const double VelocityDeviation = 1.0 / 160;
    private const double AspectDeviation = 1e-2;
    private const double AspectVelocityDeviation = 1e-5;
    private const double MeasuredAspectDeviation = 1e-1;

    private Coordinate x;
    private Coordinate y;
    private Coordinate aspect;
    private Coordinate height;

    /// <summary>Begins at a box at rest.</summary>
    public MotionFilter(in Box box)
    {
        double position = 2 * PositionDeviation * box.Height;
        double velocity = 10 * VelocityDeviation * box.Height;
        x = new Coordinate(box.CenterX, position, velocity);
        y = new Coordinate(box.CenterY, position, velocity);
        aspect = new Coordinate(box.Width / box.Height, AspectDeviation, AspectVelocityDeviation);
        height = new Coordinate(box.Height, position, velocity);
    }

    public readonly Box Box => Box.FromCenter(x.Value, y.Value, aspect.Value * height.Value, height.Value);

    /// <summary>Stops the growth: without detections it would carry a box away.</summary>
    public void HoldHeight() => height.Velocity = 0;

    /// <summary>Moves on by one frame.</summary>
    public void Predict()
    {
        double position = PositionDeviation * height.Value;
        double velocity = VelocityDeviation * height.Value;
        x.Predict(position, velocity);
        y.Predict(position, velocity);
        aspect.Predict(AspectDeviation, AspectVelocityDeviation);
        height.Predict(position, velocity);
    }

    /// <summary>Takes the box that was detected in this frame.</summary>
    public void Update(in Box box)
    {
        double deviation = PositionDeviation * height.Value;
        x.Update(box.CenterX, deviation);
        y.Update(box.CenterY, deviation);
        aspect.Update(box.Width / box.Height, MeasuredAspectDeviation);
        height.Update(box.Height, deviation);
    }

    /// <summary>One number that moves at a constant velocity, with the covariance of the two.</summary>
    private struct Coordinate(double value, double valueDeviation, double velocityDeviation)
    {
        public double Value = value;
        public double Velocity;
        private double variance = valueDeviation * valueDeviation;
        private double covariance;
        private double velocityVariance = velocityDeviation * velocityDeviation;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Predict(double valueDeviation, double velocityDeviation)
        {
            Value += Velocity;
            variance += (2 * covariance) + velocityVariance + (valueDeviation * valueDeviation);
            covariance += velocityVariance;
            velocityVariance += velocityDeviation * velocityDeviation;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Update(double measured, double deviation)
        {
            double innovation = variance + (deviation * deviation);
            double gain = variance / innovation;
            double velocityGain = covariance / innovation;
            double difference = measured - Value;
            Value += gain * difference;
            Velocity += velocityGain * difference;
            velocityVariance -= velocityGain * covariance;
            covariance -= gain * covariance;
            variance -= gain * variance;
        }
    }
}
